"""An invented release notification; it follows DDEX ERN 4.3 as far as docs/formats.md says what is read."""

ISWC = "T0345246801"
RECORDING = """
  <SoundRecording>
   <ResourceReference>A1</ResourceReference>
   <Type>MusicalWorkSoundRecording</Type>
   <SoundRecordingEdition>
    <ResourceId><ISRC>QZ5AB2100001</ISRC></ResourceId>
    <PLine><Year>2026</Year><PLineText>2026 Testling Records</PLineText></PLine>
   </SoundRecordingEdition>
   <WorkId><ISWC>T-034.524.680-1</ISWC></WorkId>
   <DisplayTitleText LanguageAndScriptCode="fr">Autre</DisplayTitleText>
   <DisplayTitleText IsDefault="true">Song &amp; Test</DisplayTitleText>
   <DisplayArtistName>The Testers</DisplayArtistName>
   <DisplayArtist SequenceNumber="1">
    <ArtistPartyReference>P1</ArtistPartyReference><DisplayArtistRole>MainArtist</DisplayArtistRole>
   </DisplayArtist>
   <Contributor SequenceNumber="1">
    <ContributorPartyReference>P2</ContributorPartyReference>
    <Role>Composer</Role><Role UserDefinedValue="Tape operator">UserDefined</Role>
   </Contributor>
   <Duration>PT3M5S</Duration>
   <FirstPublicationDate>2026-05-01</FirstPublicationDate>
  </SoundRecording>"""
HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43" AvsVersionId="5" LanguageAndScriptCode="en">
 <MessageHeader>
  <MessageId>M1</MessageId>
  <MessageSender><PartyId>PADPIDA20070627029</PartyId></MessageSender>
 </MessageHeader>
 <PartyList>
  <Party><PartyReference>P1</PartyReference><PartyName><FullName>The Testers</FullName></PartyName></Party>
  <Party>
   <PartyReference>P2</PartyReference><PartyName><FullName>Anna Stein</FullName></PartyName>
   <PartyId><IpiNameNumber>00014107338</IpiNameNumber></PartyId>
  </Party>
  <Party><PartyReference>P3</PartyReference><PartyName><FullName>Testling</FullName></PartyName></Party>
 </PartyList>"""
RELEASE = """
  <Release>
   <ReleaseReference>R0</ReleaseReference>
   <ReleaseType>Single</ReleaseType>
   <ReleaseId><GRid>A12425GABC1234002M</GRid><ICPN>036000291452</ICPN></ReleaseId>
   <DisplayTitleText>Song and Test EP</DisplayTitleText>
   <DisplayArtistName>The Testers</DisplayArtistName>
   <ReleaseLabelReference>P3</ReleaseLabelReference>
   <ResourceGroup><ResourceGroupContentItem>
    <ReleaseResourceReference>A1</ReleaseResourceReference>
   </ResourceGroupContentItem></ResourceGroup>
  </Release>"""
DEAL = """
  <ReleaseDeal>
   <DealReleaseReference>R0</DealReleaseReference>
   <Deal><DealTerms>
    <TerritoryCode>Worldwide</TerritoryCode><ExcludedTerritoryCode>US</ExcludedTerritoryCode>
    <ValidityPeriod><StartDate>2026-06-01</StartDate><EndDate>2026-12-31</EndDate></ValidityPeriod>
    <CommercialModelType>SubscriptionModel</CommercialModelType><UseType>OnDemandStream</UseType>
   </DealTerms></Deal>
  </ReleaseDeal>"""


def a_message(recordings=RECORDING, releases=RELEASE, deals=DEAL, header=HEADER):
    return (
        f"{header}\n <ResourceList>{recordings}\n </ResourceList>\n"
        f" <ReleaseList>{releases}\n </ReleaseList>\n"
        f" <DealList>{deals}\n </DealList>\n</ern:NewReleaseMessage>\n"
    )
