//! The table of what clients may send: types with their fields, and enums with their words; read by `schema`.
//!
//! A field is written `name:kind`, its name as in JSON. `[kind]` is a list, `map` an object of any keys, `schemas` an object
//! whose values are `Schema`; `any`, `string`, `integer`, `number` and `boolean` are what they say. Other kinds stand in
//! one of the two tables.

/// Kinds of client messages: the key and its type.
pub(super) const MESSAGES: &[(&str, &str)] = &[
    ("setup", "Setup"),
    ("clientContent", "ClientContent"),
    ("realtimeInput", "RealtimeInput"),
    ("toolResponse", "ToolResponseMessage"),
    ("contextUpdate", "ContextUpdate"),
];

/// Types by name. The few that clients send for each piece of audio stand first.
#[rustfmt::skip]
pub(super) const TYPES: &[(&str, &str)] = &[
    ("RealtimeInput", "\
        mediaChunks:[Blob] audio:Blob audioStreamEnd:boolean video:Blob text:string activityStart:ActivityStart \
        activityEnd:ActivityEnd"),
    ("Blob", "data:string displayName:string mimeType:string"),
    ("Setup", "\
        model:string generationConfig:GenerationConfig systemInstruction:Content tools:[Tool] \
        sessionResumption:SessionResumptionConfig contextWindowCompression:ContextWindowCompressionConfig \
        inputAudioTranscription:AudioTranscriptionConfig outputAudioTranscription:AudioTranscriptionConfig \
        proactivity:ProactivityConfig explicitVadSignal:boolean historyConfig:HistoryConfig \
        avatarConfig:AvatarConfig safetySettings:[SafetySetting] labels:map realtimeInputConfig:RealtimeInputConfig"),
    ("ClientContent", "turns:[Content] turnComplete:boolean"),
    ("ToolResponseMessage", "functionResponses:[FunctionResponse]"),
    ("ContextUpdate", "systemInstruction:Content tools:ContextUpdateTools"),
    ("GenerationConfig", "\
        modelConfig:ModelSelectionConfig responseJsonSchema:any audioTimestamp:boolean candidateCount:integer \
        enableAffectiveDialog:boolean frequencyPenalty:number logprobs:integer maxOutputTokens:integer \
        mediaResolution:MediaResolution presencePenalty:number responseLogprobs:boolean responseMimeType:string \
        responseModalities:[Modality] responseSchema:Schema routingConfig:GenerationConfigRoutingConfig seed:integer \
        speechConfig:SpeechConfig stopSequences:[string] temperature:number thinkingConfig:ThinkingConfig \
        topK:number topP:number enableEnhancedCivicAnswers:boolean responseFormat:[ResponseFormat] \
        translationConfig:TranslationConfig audioTranscriptionConfig:AudioTranscriptionConfig"),
    ("Content", "parts:[Part] role:string"),
    ("Tool", "\
        retrieval:map computerUse:map fileSearch:map googleSearch:map googleMaps:map codeExecution:map \
        enterpriseWebSearch:map functionDeclarations:[FunctionDeclaration] googleSearchRetrieval:map \
        parallelAiSearch:map urlContext:map mcpServers:map exaAiSearch:map"),
    ("SessionResumptionConfig", "handle:string transparent:boolean"),
    ("ContextWindowCompressionConfig", "triggerTokens:integer slidingWindow:SlidingWindow"),
    ("AudioTranscriptionConfig", "\
        languageCodes:[string] languageAuto:LanguageAuto languageHints:LanguageHints customVocabulary:[string] \
        adaptationPhrases:[string] wordTimestamp:boolean diarization:boolean mode:AudioTranscriptionConfigMode \
        sourceText:string"),
    ("ProactivityConfig", "proactiveAudio:boolean proactiveVideo:boolean"),
    ("HistoryConfig", "initialHistoryInClientContent:boolean"),
    ("AvatarConfig", "\
        avatarName:string customizedAvatar:CustomizedAvatar audioBitrateBps:integer videoBitrateBps:integer"),
    ("SafetySetting", "category:HarmCategory method:HarmBlockMethod threshold:HarmBlockThreshold"),
    ("RealtimeInputConfig", "\
        automaticActivityDetection:AutomaticActivityDetection activityHandling:ActivityHandling \
        turnCoverage:TurnCoverage interimTranscriptTimestampEnabled:boolean"),
    ("ActivityStart", ""),
    ("ActivityEnd", ""),
    ("FunctionResponse", "\
        willContinue:boolean scheduling:FunctionResponseScheduling parts:[FunctionResponsePart] id:string \
        name:string response:map"),
    ("ContextUpdateTools", "tools:[Tool]"),
    ("ModelSelectionConfig", "featureSelectionPreference:FeatureSelectionPreference"),
    ("Schema", "\
        anyOf:[Schema] default:any description:string enum:[string] format:string items:Schema maxItems:integer \
        maximum:number minItems:integer minimum:number nullable:boolean properties:schemas propertyOrdering:[string] \
        required:[string] title:string type:Type"),
    ("GenerationConfigRoutingConfig", "\
        autoMode:GenerationConfigRoutingConfigAutoRoutingMode \
        manualMode:GenerationConfigRoutingConfigManualRoutingMode"),
    ("SpeechConfig", "\
        voiceConfig:VoiceConfig languageCode:string multiSpeakerVoiceConfig:MultiSpeakerVoiceConfig"),
    ("ThinkingConfig", "includeThoughts:boolean thinkingBudget:integer thinkingLevel:ThinkingLevel"),
    ("ResponseFormat", "\
        audio:AudioResponseFormat image:ImageResponseFormat text:TextResponseFormat video:VideoResponseFormat"),
    ("TranslationConfig", "echoTargetLanguage:boolean targetLanguageCode:string"),
    ("Part", "\
        mediaResolution:PartMediaResolution codeExecutionResult:CodeExecutionResult executableCode:ExecutableCode \
        fileData:FileData functionCall:FunctionCall functionResponse:FunctionResponse inlineData:Blob text:string \
        thought:boolean thoughtSignature:string videoMetadata:VideoMetadata toolCall:ToolCall \
        toolResponse:ToolResponse partMetadata:map audioTranscription:Transcription mediaProcessing:MediaProcessing \
        speechMetadata:SpeechMetadata documentMetadata:DocumentMetadata spreadsheetMetadata:SpreadsheetMetadata \
        audioMetadata:AudioMetadata"),
    ("FunctionDeclaration", "\
        description:string name:string parameters:Schema parametersJsonSchema:any response:Schema \
        responseJsonSchema:any behavior:Behavior"),
    ("SlidingWindow", "targetTokens:integer"),
    ("LanguageAuto", ""),
    ("LanguageHints", "languageCodes:[string]"),
    ("CustomizedAvatar", "imageMimeType:string imageData:string"),
    ("AutomaticActivityDetection", "\
        disabled:boolean startOfSpeechSensitivity:StartSensitivity endOfSpeechSensitivity:EndSensitivity \
        prefixPaddingMs:integer silenceDurationMs:integer"),
    ("FunctionResponsePart", "\
        inlineData:FunctionResponseBlob fileData:FunctionResponseFileData mediaProcessing:MediaProcessing \
        mediaResolution:PartMediaResolution videoMetadata:VideoMetadata documentMetadata:DocumentMetadata \
        spreadsheetMetadata:SpreadsheetMetadata audioMetadata:AudioMetadata"),
    ("GenerationConfigRoutingConfigAutoRoutingMode", "modelRoutingPreference:any"),
    ("GenerationConfigRoutingConfigManualRoutingMode", "modelName:string"),
    ("VoiceConfig", "\
        replicatedVoiceConfig:ReplicatedVoiceConfig prebuiltVoiceConfig:PrebuiltVoiceConfig voice:string"),
    ("MultiSpeakerVoiceConfig", "speakerVoiceConfigs:[SpeakerVoiceConfig]"),
    ("AudioResponseFormat", "bitRate:integer delivery:Delivery mimeType:string sampleRate:integer"),
    ("ImageResponseFormat", "aspectRatio:AspectRatio delivery:Delivery imageSize:ImageSize mimeType:string"),
    ("TextResponseFormat", "mimeType:string jsonSchema:any"),
    ("VideoResponseFormat", "\
        aspectRatio:AspectRatio delivery:Delivery duration:string gcsUri:string resolution:string"),
    ("PartMediaResolution", "level:PartMediaResolutionLevel numTokens:integer"),
    ("CodeExecutionResult", "outcome:Outcome output:string id:string"),
    ("ExecutableCode", "code:string language:Language id:string"),
    ("FileData", "displayName:string fileUri:string mimeType:string"),
    ("FunctionCall", "id:string args:map name:string partialArgs:[PartialArg] willContinue:boolean"),
    ("VideoMetadata", "\
        endOffset:string fps:number startOffset:string contentLayers:[VideoMetadataContentLayer]"),
    ("ToolCall", "id:string toolType:ToolType args:map"),
    ("ToolResponse", "id:string toolType:ToolType response:map"),
    ("Transcription", "\
        text:string finished:boolean languageCode:string speakerLabel:string words:[WordInfo] startOffset:string \
        endOffset:string"),
    ("SpeechMetadata", "speaker:string style:string"),
    ("DocumentMetadata", "startPage:integer endPage:integer contentLayers:[DocumentMetadataContentLayer]"),
    ("SpreadsheetMetadata", "\
        visibleCells:string sheetIndex:integer contentLayers:[SpreadsheetMetadataContentLayer]"),
    ("AudioMetadata", "startOffset:string endOffset:string"),
    ("FunctionResponseBlob", "mimeType:string data:string displayName:string"),
    ("FunctionResponseFileData", "fileUri:string mimeType:string displayName:string"),
    ("ReplicatedVoiceConfig", "\
        mimeType:string voiceSampleAudio:string consentAudio:string voiceConsentSignature:VoiceConsentSignature"),
    ("PrebuiltVoiceConfig", "voiceName:string"),
    ("SpeakerVoiceConfig", "speaker:string voiceConfig:VoiceConfig"),
    ("PartialArg", "\
        boolValue:boolean jsonPath:string nullValue:any numberValue:number stringValue:string willContinue:boolean"),
    ("WordInfo", "word:string startOffset:string endOffset:string"),
    ("VoiceConsentSignature", "signature:string"),
];

/// Words of an enum; each has its `…UNSPECIFIED` too.
#[rustfmt::skip]
pub(super) const ENUMS: &[(&str, &str)] = &[
    ("ActivityHandling", "START_OF_ACTIVITY_INTERRUPTS NO_INTERRUPTION"),
    ("AspectRatio", "\
        ASPECT_RATIO_ONE_BY_ONE ASPECT_RATIO_TWO_BY_THREE ASPECT_RATIO_THREE_BY_TWO ASPECT_RATIO_THREE_BY_FOUR \
        ASPECT_RATIO_FOUR_BY_THREE ASPECT_RATIO_FOUR_BY_FIVE ASPECT_RATIO_FIVE_BY_FOUR ASPECT_RATIO_NINE_BY_SIXTEEN \
        ASPECT_RATIO_SIXTEEN_BY_NINE ASPECT_RATIO_TWENTY_ONE_BY_NINE ASPECT_RATIO_ONE_BY_EIGHT \
        ASPECT_RATIO_EIGHT_BY_ONE ASPECT_RATIO_ONE_BY_FOUR ASPECT_RATIO_FOUR_BY_ONE"),
    ("AudioTranscriptionConfigMode", "VERBATIM SMART"),
    ("Behavior", "BLOCKING NON_BLOCKING"),
    ("Delivery", "INLINE URI"),
    ("DocumentMetadataContentLayer", "PAGE_IMAGE PAGE_TEXT"),
    ("EndSensitivity", "END_SENSITIVITY_HIGH END_SENSITIVITY_LOW"),
    ("FeatureSelectionPreference", "PRIORITIZE_QUALITY BALANCED PRIORITIZE_COST"),
    ("FunctionResponseScheduling", "SILENT WHEN_IDLE INTERRUPT"),
    ("HarmBlockMethod", "SEVERITY PROBABILITY"),
    ("HarmBlockThreshold", "BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE BLOCK_ONLY_HIGH BLOCK_NONE OFF"),
    ("HarmCategory", "\
        HARM_CATEGORY_HARASSMENT HARM_CATEGORY_HATE_SPEECH HARM_CATEGORY_SEXUALLY_EXPLICIT \
        HARM_CATEGORY_DANGEROUS_CONTENT HARM_CATEGORY_CIVIC_INTEGRITY HARM_CATEGORY_JAILBREAK \
        HARM_CATEGORY_IMAGE_HATE HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT HARM_CATEGORY_IMAGE_HARASSMENT \
        HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT"),
    ("ImageSize", "IMAGE_SIZE_FIVE_TWELVE IMAGE_SIZE_ONE_K IMAGE_SIZE_TWO_K IMAGE_SIZE_FOUR_K"),
    ("Language", "PYTHON"),
    ("MediaProcessing", "STATIC AGENTIC"),
    ("MediaResolution", "MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH"),
    ("Modality", "TEXT IMAGE AUDIO VIDEO"),
    ("Outcome", "OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED"),
    ("PartMediaResolutionLevel", "\
        MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH MEDIA_RESOLUTION_ULTRA_HIGH"),
    ("SpreadsheetMetadataContentLayer", "DATA FORMULAS VISUAL"),
    ("StartSensitivity", "START_SENSITIVITY_HIGH START_SENSITIVITY_LOW"),
    ("ThinkingLevel", "MINIMAL LOW MEDIUM HIGH XHIGH"),
    ("ToolType", "GOOGLE_SEARCH_WEB GOOGLE_SEARCH_IMAGE URL_CONTEXT GOOGLE_MAPS FILE_SEARCH MEDIA_PROCESSING"),
    ("TurnCoverage", "\
        TURN_INCLUDES_ONLY_ACTIVITY TURN_INCLUDES_ALL_INPUT TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"),
    ("Type", "STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL"),
    ("VideoMetadataContentLayer", "FRAMES AUDIO TRANSCRIPT"),
];
